blog wp-admin/admin-ajax.php
