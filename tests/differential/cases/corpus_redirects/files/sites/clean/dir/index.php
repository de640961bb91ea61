clean dir/index.php
