authnothing index.php
