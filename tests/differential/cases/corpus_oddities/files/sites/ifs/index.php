ifs index.php
