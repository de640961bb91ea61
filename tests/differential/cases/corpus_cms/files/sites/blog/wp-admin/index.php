blog wp-admin/index.php
