blog wp-includes/load.php
