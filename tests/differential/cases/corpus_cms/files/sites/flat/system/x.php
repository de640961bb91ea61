flat system/x.php
