noend index.php
