unclosed2 index.php
