bots wp-login.php
