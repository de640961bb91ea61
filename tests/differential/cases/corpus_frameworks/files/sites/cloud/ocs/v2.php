cloud ocs/v2.php
