continued index.php
