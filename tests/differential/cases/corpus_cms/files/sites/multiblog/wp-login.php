multiblog wp-login.php
