blog wp-login.php
