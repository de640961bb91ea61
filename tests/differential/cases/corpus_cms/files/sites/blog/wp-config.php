blog wp-config.php
