crossed index.php
