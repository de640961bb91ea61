joom configuration.php
