nul index.php
