loop2 index.php
