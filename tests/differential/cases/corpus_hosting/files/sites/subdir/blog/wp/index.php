subdir blog/wp/index.php
