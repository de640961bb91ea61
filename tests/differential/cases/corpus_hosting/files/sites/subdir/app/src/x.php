subdir app/src/x.php
