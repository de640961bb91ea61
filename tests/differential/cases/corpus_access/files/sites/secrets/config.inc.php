secrets config.inc.php
