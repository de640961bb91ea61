unclosed index.php
