authnofile index.php
