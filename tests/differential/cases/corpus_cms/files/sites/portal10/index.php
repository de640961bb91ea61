portal10 index.php
