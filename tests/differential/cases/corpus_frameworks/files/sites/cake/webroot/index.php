cake webroot/index.php
