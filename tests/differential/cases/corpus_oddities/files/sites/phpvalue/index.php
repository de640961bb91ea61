phpvalue index.php
