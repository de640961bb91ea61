symf deep/er/index.php
