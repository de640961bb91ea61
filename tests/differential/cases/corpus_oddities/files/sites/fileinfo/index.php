fileinfo index.php
