hash2 index.php
