hash index.php
