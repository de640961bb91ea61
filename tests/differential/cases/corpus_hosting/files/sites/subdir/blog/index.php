subdir blog/index.php
