forum config.php
