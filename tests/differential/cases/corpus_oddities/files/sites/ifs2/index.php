ifs2 index.php
