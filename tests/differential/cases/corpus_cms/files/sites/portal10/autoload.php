portal10 autoload.php
