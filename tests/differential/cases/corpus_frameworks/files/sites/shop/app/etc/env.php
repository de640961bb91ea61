shop app/etc/env.php
