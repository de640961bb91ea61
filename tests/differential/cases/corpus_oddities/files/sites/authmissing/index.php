authmissing index.php
