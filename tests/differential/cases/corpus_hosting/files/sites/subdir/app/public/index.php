subdir app/public/index.php
