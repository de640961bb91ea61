typo index.php
