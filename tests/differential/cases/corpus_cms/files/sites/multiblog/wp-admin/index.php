multiblog wp-admin/index.php
