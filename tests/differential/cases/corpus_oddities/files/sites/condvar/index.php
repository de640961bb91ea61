condvar index.php
