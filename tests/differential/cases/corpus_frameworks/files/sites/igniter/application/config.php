igniter application/config.php
