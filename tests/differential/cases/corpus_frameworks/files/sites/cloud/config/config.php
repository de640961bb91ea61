cloud config/config.php
