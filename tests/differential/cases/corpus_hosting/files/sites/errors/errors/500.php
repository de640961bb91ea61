errors errors/500.php
