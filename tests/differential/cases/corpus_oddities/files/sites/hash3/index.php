hash3 index.php
