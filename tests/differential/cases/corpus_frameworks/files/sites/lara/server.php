lara server.php
