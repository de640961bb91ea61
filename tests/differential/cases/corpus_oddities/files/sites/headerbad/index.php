headerbad index.php
