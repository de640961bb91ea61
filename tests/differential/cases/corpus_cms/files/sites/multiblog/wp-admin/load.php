multiblog wp-admin/load.php
