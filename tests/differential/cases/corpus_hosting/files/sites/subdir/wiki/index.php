subdir wiki/index.php
