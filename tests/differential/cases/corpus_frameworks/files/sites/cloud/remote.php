cloud remote.php
