forum common.php
