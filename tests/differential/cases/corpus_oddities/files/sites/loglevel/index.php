loglevel index.php
