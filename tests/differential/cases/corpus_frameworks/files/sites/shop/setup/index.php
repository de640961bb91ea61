shop setup/index.php
